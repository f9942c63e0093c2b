"""What Prometheus gets to see. No label ever holds anything that a client sent."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
PIECES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)


class Metrics:
    """The counters of one server, in a registry of its own."""

    def __init__(self) -> None:
        own = self.registry = CollectorRegistry()
        self.requests = Counter("tagsmith_requests", "Answers, by route and status.", ["route", "status"], registry=own)
        self.seconds = Histogram(
            "tagsmith_request_seconds",
            "From the headers of a request to its answer.",
            ["route"],
            buckets=SECONDS,
            registry=own,
        )
        self.batch = Histogram(
            "tagsmith_batch_requests", "Requests tagged in one call.", ["model"], buckets=PIECES, registry=own
        )
        self.batch_seconds = Histogram(
            "tagsmith_batch_seconds", "Time of one call.", ["model"], buckets=SECONDS, registry=own
        )
        self.waiting = Gauge("tagsmith_waiting_requests", "Requests that wait for a model.", ["model"], registry=own)
        self.tokens = Counter("tagsmith_tokens", "Tokens tagged.", ["model"], registry=own)
        self.reloads = Counter(
            "tagsmith_model_reloads",
            "New versions of a model's folder, by outcome.",
            ["model", "outcome"],
            registry=own,
        )

    def text(self) -> bytes:
        """Everything, in Prometheus's text format."""
        return generate_latest(self.registry)
