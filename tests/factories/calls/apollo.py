"""Apollo's calls."""

from __future__ import annotations

from agency_os.integrations.apollo import ApolloClient, PersonQuery
from agency_os.integrations.apollo_search import ApolloSearchClient, PeopleSearch
from tests.factories.calls import Calls

_PERSON = PersonQuery(first_name="Jo", last_name="Citizen", domain="company.example")

CALLS: Calls = {
    "bulk_match": lambda connection: ApolloClient(connection).match_people([_PERSON]),
    "search_people": lambda connection: ApolloSearchClient(connection).search_people(PeopleSearch(titles=("owner",))),
    "match_person": lambda connection: ApolloSearchClient(connection).match_person(_PERSON),
    "enrich_organization": lambda connection: ApolloSearchClient(connection).enrich_organization("company.example"),
    "job_postings": lambda connection: ApolloSearchClient(connection).job_postings("5e66b6381e05b4008c8331b8"),
}
