"""Skips that the gate expects; every other one is a failure there: the suite would cover less unnoticed.

`--expected-skips FILE` switches it on. FILE names in TOML the reasons that are expected, each an entry
`[[skip]]` with `reason`, a part of what the test says, and `because`. An entry with `package` counts only
where `--missing` names that package: a test must not skip for want of a program that the machine has.
"""

import tomllib
from collections.abc import Collection, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import pytest


@dataclass(frozen=True, slots=True)
class ExpectedSkips:
    """The parts of reasons that are expected on this machine."""

    reasons: tuple[str, ...]

    @classmethod
    def read(cls, path: Path, missing: Collection[str]) -> Self:
        """Read the file; `missing` are the packages that this machine could not be given."""
        entries = tomllib.loads(path.read_text())["skip"]
        counted = [each for each in entries if "package" not in each or each["package"] in missing]
        return cls(tuple(each["reason"] for each in counted))

    def allow(self, reason: str) -> bool:
        """Whether a test may skip for this."""
        return any(part in reason for part in self.reasons)


class SkipsAreFailures:
    """A plugin that makes an unexpected skip a failure, of a test or of a whole file."""

    def __init__(self, expected: ExpectedSkips) -> None:
        self._expected = expected

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self) -> Generator[None, Any, Any]:
        """Look at the report of a test."""
        return self._judged((yield))

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(self) -> Generator[None, Any, Any]:
        """Look at the report of a file."""
        return self._judged((yield))

    def _judged(self, report: Any) -> Any:
        if report.skipped and not hasattr(report, "wasxfail"):
            reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
            if not self._expected.allow(reason):
                report.outcome = "failed"
                report.longrepr = f"{report.nodeid}: unexpected skip: {reason.removeprefix('Skipped: ')}"
        return report


def add_options(parser: pytest.Parser) -> None:
    """Add the options that switch it on."""
    group = parser.getgroup("skips")
    group.addoption(
        "--expected-skips", type=Path, help="a skip that this TOML file does not expect is a failure"
    )
    group.addoption("--missing", default="", help="packages that are not on this machine, with commas")


def configure(config: pytest.Config) -> None:
    """Register the plugin where it was asked for."""
    path: Path | None = config.getoption("expected_skips")
    if path is not None:
        missing = frozenset(config.getoption("missing").split(","))
        config.pluginmanager.register(SkipsAreFailures(ExpectedSkips.read(path, missing)), "skips")
