"""Metrics for Prometheus. No label ever holds anything that a client sent."""

from __future__ import annotations

from functools import cache

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
BATCH_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)


class Metrics:
    """The metrics of one server, in a registry of its own; each is a function of its labels' values.

    The functions are cached, because Prometheus's own look-up takes longer than counting.
    """

    def __init__(self) -> None:
        registry = self.registry = CollectorRegistry()
        requests = Counter("tagsmith_requests", "Answers, by route and status.", ["route", "status"], registry=registry)
        seconds = Histogram(
            "tagsmith_request_seconds",
            "From the headers of a request to its answer.",
            ["route"],
            buckets=SECONDS,
            registry=registry,
        )
        batch = Histogram(
            "tagsmith_batch_requests", "Requests tagged in one call.", ["model"], buckets=BATCH_SIZES, registry=registry
        )
        batch_seconds = Histogram(
            "tagsmith_batch_seconds", "Time of one call.", ["model"], buckets=SECONDS, registry=registry
        )
        waiting = Gauge("tagsmith_waiting_requests", "Requests that wait for a model.", ["model"], registry=registry)
        tokens = Counter("tagsmith_tokens", "Tokens tagged.", ["model"], registry=registry)
        reloads = Counter(
            "tagsmith_model_reloads",
            "New versions of a model's folder, by outcome.",
            ["model", "outcome"],
            registry=registry,
        )
        self.requests, self.seconds = cache(requests.labels), cache(seconds.labels)
        self.batch, self.batch_seconds = cache(batch.labels), cache(batch_seconds.labels)
        self.waiting, self.tokens, self.reloads = cache(waiting.labels), cache(tokens.labels), cache(reloads.labels)

    def text(self) -> bytes:
        """All metrics in Prometheus's text format."""
        return generate_latest(self.registry)
