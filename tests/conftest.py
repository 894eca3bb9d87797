"""Settings that the whole suite shares."""

import os

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "gate",
    derandomize=True,
    max_examples=60,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("hunt", max_examples=5_000, deadline=None)
settings.load_profile(os.environ.get("TWINCAST_HYPOTHESIS", "gate"))


EXPECTED_SKIPS = (
    "OpenSSH client",
    "OpenSSH server",
    "keepalived is not installed",
    "tshark is not installed",
    "yanglint is not installed",
    "TCP MD5 signatures",
)
"""What a machine may lack without a word: parts of these reasons."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options of our own."""
    parser.addoption(
        "--update-expected", action="store_true", help="write what the cases of tests/conformance do now"
    )


def pytest_configure(config: pytest.Config) -> None:
    """In CI a test that is skipped for a reason nobody expected is a failure: the suite covers less."""
    if os.environ.get("CI"):
        config.pluginmanager.register(UnexpectedSkips(), "unexpected-skips")


class UnexpectedSkips:
    """Collects the reasons of skipped tests and fails the run for those that are not expected."""

    def __init__(self) -> None:
        self._found: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.skipped and not any(reason in str(report.longrepr) for reason in EXPECTED_SKIPS):
            self._found.append(f"{report.nodeid}: {report.longrepr}")

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self._found and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        for line in self._found:
            terminalreporter.write_line(f"unexpected skip: {line}", red=True)
