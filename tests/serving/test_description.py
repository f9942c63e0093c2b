"""The server does what its OpenAPI description says, whatever is sent (schemathesis)."""

from __future__ import annotations

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, assume, given, settings
from schemathesis import GenerationMode

from search_budget import examples
from tagsmith.labeling.desk import LabelingProject
from tagsmith.labeling.schema import label_problem
from tagsmith.serving.limits import Limits

ROUTES = {
    "POST /v1/tag": 150,
    "GET /v1/models": 10,
    "GET /healthz": 10,
    "GET /readyz": 10,
    "GET /metrics": 10,
    "GET /v1/labeling": 5,
    "POST /v1/labeling/labels": 40,
    "GET /v1/labeling/sentences": 40,
    "POST /v1/labeling/sentences": 40,
    "DELETE /v1/labeling/sentences": 20,
    "GET /v1/labeling/sentences/{number}": 40,
    "PUT /v1/labeling/sentences/{number}": 60,
    "POST /v1/labeling/files": 60,
    "GET /v1/labeling/next": 40,
    "GET /v1/labeling/export": 20,
    "GET /v1/training": 5,
    "POST /v1/training": 40,
    "POST /v1/training/cancel": 5,
    "GET /v1/training/events": 5,
    "GET /v1/training/comparison": 20,
    "GET /v1/training/versions/{number}/report": 20,
    "POST /v1/versions/{number}": 20,
    "DELETE /v1/versions/{number}": 20,
}
CHARACTERS = 200


@pytest.fixture(scope="module")
def description(serve, tmp_path_factory):
    # Low limits, so that what passes them is small too.
    labeling = LabelingProject(folder=tmp_path_factory.mktemp("labeling"))
    address = serve(limits=Limits(texts=4, characters=CHARACTERS), labeling=labeling)
    httpx.post(f"{address}/v1/labeling/sentences", json={"text": "Anna left. So did Ben."}).raise_for_status()
    return schemathesis.openapi.from_url(f"{address}/openapi.json")


@pytest.mark.slow
@pytest.mark.hypothesis
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["valid", "invalid"])
@pytest.mark.parametrize("route", ROUTES)
def test_every_route_answers_as_described(description, route, mode):
    method, path = route.split()
    operation = description[path][method]
    takes_nothing = not (operation.body or operation.query or operation.path_parameters)
    if mode is GenerationMode.NEGATIVE and takes_nothing:
        pytest.skip("nothing can be wrong with a request that holds nothing")

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(max_examples=examples(ROUTES[route]), suppress_health_check=list(HealthCheck))
    def check(case):
        if mode is GenerationMode.POSITIVE and route == "POST /v1/tag":
            # A schema cannot limit the characters of a sentence's tokens together.
            sentences = case.body.get("tokens") or []
            assume(all(sum(len(word) + 1 for word in words) <= CHARACTERS for words in sentences))
        if mode is GenerationMode.POSITIVE and route == "POST /v1/labeling/labels":
            assume(not label_problem(case.body["label"]))  # no pattern knows all invisible characters
        case.call_and_validate()

    check()


def test_these_are_all_routes(description):
    found = {f"{own.ok().method.upper()} {own.ok().path}" for own in description.get_all_operations()}
    assert found == set(ROUTES)
