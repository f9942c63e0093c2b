"""The server does what its OpenAPI description says, whatever is sent (schemathesis)."""

from __future__ import annotations

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode

from tagsmith.serving.limits import Limits

ROUTES = {
    "POST /v1/tag": 150,
    "GET /v1/models": 10,
    "GET /healthz": 10,
    "GET /readyz": 10,
    "GET /metrics": 10,
}


@pytest.fixture(scope="module")
def description(serve):
    # Low limits, so that what passes them is small too.
    address = serve(limits=Limits(texts=4, characters=200))
    return schemathesis.openapi.from_url(f"{address}/openapi.json")


@pytest.mark.slow
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["valid", "invalid"])
@pytest.mark.parametrize("route", ROUTES)
def test_every_route_answers_as_described(description, route, mode):
    method, path = route.split()
    operation = description[path][method]
    if mode is GenerationMode.NEGATIVE and not operation.body:
        pytest.skip("nothing can be wrong with a request that holds nothing")

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(max_examples=ROUTES[route], deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    def check(case):
        case.call_and_validate()

    check()


def test_these_are_all_routes(description):
    found = {f"{own.ok().method.upper()} {own.ok().path}" for own in description.get_all_operations()}
    assert found == set(ROUTES)
