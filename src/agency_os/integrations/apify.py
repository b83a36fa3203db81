"""Apify (docs.apify.com/api/v2): runs an actor that crawls companies' websites, and reads its data set.

One run crawls several sites. It is started, waited for and read; Apify itself ends it after ``RUN_SECONDS``, and what
it has stored by then is read all the same. Runs have no idempotency keys, so none is started twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final
from urllib.parse import quote

from agency_os.exceptions import Outcome, ProviderError, ProviderLimitError, ProviderUnknownError
from agency_os.integrations.json_fields import Fields, read_webhook, short_hash
from agency_os.integrations.mail_transport import canonical_json
from agency_os.integrations.provider_api import Connection, Dialect, Problem, ProviderApi, json_problem
from agency_os.integrations.webhook import EventName, Webhook, WebhookSource, same_secret
from agency_os.kit.http import HttpResponse, Timeouts
from agency_os.kit.retry import RetryPolicy

NAME: Final = "apify"
RUN_SECONDS: Final = 90
"""After which Apify ends a run (its parameter ``timeout``)."""
_WAIT_SECONDS: Final = 45
_MOST_WAITS: Final = 3
_FINISHED: Final = frozenset({"SUCCEEDED", "FAILED", "ABORTED", "TIMED-OUT"})


@json_problem
def _read_problem(body: Fields) -> Problem:
    error = body.inner("error")
    return Problem(error.text("type"), error.text("message") or "")


# A wrong token, a plan that is used up or an actor that is not there is mended by the operator, and says nothing of the
# company. There is no Retry-After: back off from half a second, doubling (docs.apify.com, "Rate limiting").
_DIALECT = Dialect(
    NAME,
    _read_problem,
    kinds={
        401: ProviderLimitError,
        402: ProviderLimitError,
        403: ProviderLimitError,
        404: ProviderLimitError,
        429: ProviderLimitError,
    },
    passing=frozenset({429}),
)


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a website: its address, title, description and text, as the crawler read them."""

    url: str
    title: str
    description: str
    text: str


@dataclass(frozen=True, slots=True)
class ActorRun:
    """A run: ``status`` is Apify's word (READY, RUNNING, SUCCEEDED, FAILED, ABORTED, TIMED-OUT …)."""

    id: str
    status: str
    dataset_id: str

    @property
    def is_finished(self) -> bool:
        """Whether its data set will grow no more."""
        return self.status in _FINISHED


@dataclass(frozen=True, slots=True)
class CrawlResult:
    """The pages of all sites; ``units`` are the pages that are paid for. ``status`` is the run's last."""

    pages: tuple[Page, ...]
    units: Decimal
    status: str


class ApifyClient:
    """Crawls by one ``actor`` (``user~name``) that takes the input of Apify's Website Content Crawler."""

    def __init__(self, connection: Connection, actor: str) -> None:
        self._api = ProviderApi(
            connection,
            _DIALECT,
            {"Authorization": f"Bearer {connection.api_key}"},
            timeouts=Timeouts(read=_WAIT_SECONDS + 15.0, total=_WAIT_SECONDS + 20.0),
            policy=RetryPolicy(attempts=2, first_wait=0.5, longest_wait=5.0),
        )
        self._actor = actor

    async def crawl(self, addresses: Sequence[str], *, pages_each: int) -> CrawlResult:
        """The first ``pages_each`` pages of each site, from its home page on. Raises ProviderError.

        Blocks while the run goes on, up to ``RUN_SECONDS`` and a little. After an error of a later step the pages may
        have been paid for: its outcome is then unknown.
        """
        run = await self.start(addresses, pages_each=pages_each)
        try:
            run = await self._finished(run)
            pages = await self.pages(run.dataset_id, limit=len(addresses) * pages_each)
        except ProviderError as error:
            if error.outcome is not Outcome.NOT_ACCEPTED:
                raise
            # The run was started and goes on: what was refused is only the reading of it.
            raise ProviderUnknownError(
                f"{NAME} has run {run.id}, and what it found could not be read: {error}",
                provider=NAME,
                operation=error.operation,
                http_status=error.http_status,
                request_id=error.request_id or run.id,
            ) from error
        return CrawlResult(tuple(pages), Decimal(len(pages)), run.status)

    async def _finished(self, run: ActorRun) -> ActorRun:
        for _ in range(_MOST_WAITS):
            if run.is_finished:
                return run
            run = await self.read_run(run.id)
        if run.is_finished:
            return run
        raise ProviderUnknownError(
            f"{NAME} has not finished the run {run.id} in time", provider=NAME, operation="read_run", request_id=run.id
        )

    async def start(self, addresses: Sequence[str], *, pages_each: int) -> ActorRun:
        """Start a run over these sites."""
        total = len(addresses) * pages_each
        body = canonical_json(
            {
                "startUrls": [{"url": address} for address in addresses],
                "maxCrawlPages": total,
                "maxCrawlDepth": 1,
                "crawlerType": "cheerio",
                "saveMarkdown": False,
                "saveHtml": False,
            }
        )
        path = f"/v2/actors/{quote(self._actor, safe='~')}/runs"
        response = await self._api.act("start", path, body, query={"timeout": RUN_SECONDS, "maxItems": total})
        return self._run("start", response, Decimal(total))

    async def read_run(self, run_id: str) -> ActorRun:
        """The run once it has ended, or as it is after some seconds of waiting at Apify."""
        path = f"/v2/actor-runs/{quote(run_id, safe='')}"
        response = await self._api.look_up("read_run", path, {"waitForFinish": _WAIT_SECONDS})
        return self._run("read_run", response)

    async def pages(self, dataset_id: str, *, limit: int) -> list[Page]:
        """The first ``limit`` pages of a data set."""
        path = f"/v2/datasets/{quote(dataset_id, safe='')}/items"
        response = await self._api.look_up("pages", path, {"format": "json", "clean": "true", "limit": limit})
        items = self._api.read_list("pages", response, Decimal(limit))
        return [page for item in items if (page := _page(item)) is not None]

    async def runs(self, *, since: datetime, limit: int = 100) -> list[ActorRun]:
        """Runs of the actor that were started since, newest first: where one was started and its answer lost."""
        path = f"/v2/actors/{quote(self._actor, safe='~')}/runs"
        query: dict[str, str | int] = {"desc": "true", "limit": limit, "startedAfter": f"{since:%Y-%m-%dT%H:%M:%SZ}"}
        response = await self._api.look_up("runs", path, query)
        data = self._api.read_answer("runs", response).inner("data")
        found = (_read_run(each) for each in data.each("items"))
        return [run for run in found if run is not None]

    def _run(self, operation: str, response: HttpResponse, units: Decimal = Decimal(0)) -> ActorRun:
        run = _read_run(self._api.read_answer(operation, response, units).inner("data"))
        if run is None:
            raise self._api.unreadable(operation, response, "without a run's id, status or data set", units)
        return run


def _read_run(data: Fields) -> ActorRun | None:
    run_id, status, dataset = data.text("id"), data.text("status"), data.text("defaultDatasetId")
    if run_id is None or status is None or dataset is None:
        return None
    return ActorRun(run_id, status, dataset)


def _page(item: Fields) -> Page | None:
    url, about = item.text("url"), item.inner("metadata")
    if url is None:
        return None
    return Page(url, about.text("title") or "", about.text("description") or "", item.text("text") or "")


def webhooks(secret: str) -> WebhookSource:
    """Apify's webhooks on runs. They are not signed: ``secret`` ends their address."""
    return WebhookSource(NAME, _name_event, admit=lambda _, path_secret: same_secret(path_secret, secret))


def _name_event(webhook: Webhook, _: datetime) -> EventName:
    event = read_webhook(webhook.body, "Apify")
    dispatch = _header(webhook.headers, "x-apify-webhook-dispatch-id")
    run = event.inner("eventData").text("actorRunId") or ""
    kind = event.text("eventType") or "unnamed"
    return EventName(dispatch or f"{kind}:{run}:{short_hash(webhook.body)}", kind, event.moment("createdAt"))


def _header(headers: Mapping[str, str], name: str) -> str | None:
    return {key.lower(): value for key, value in headers.items()}.get(name)
