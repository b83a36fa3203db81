"""Apollo's calls."""

from __future__ import annotations

from agency_os.integrations.apollo import ApolloClient, PersonQuery
from tests.factories.calls import Calls

_PERSON = PersonQuery(first_name="Jo", last_name="Citizen", domain="company.example")

CALLS: Calls = {
    "bulk_match": lambda connection: ApolloClient(connection).match_people([_PERSON]),
    "job_postings": lambda connection: ApolloClient(connection).job_postings("5e66b6381e05b4008c8331b8"),
}
