"""Every test of this folder runs as root of a user and network namespace of its own, in a child process."""

import functools

import pytest

from tests.support.netns import run_in_namespaces


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool:
    """Replace the call of the test function; fixtures were set up in the parent."""
    arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}
    run_in_namespaces(functools.partial(pyfuncitem.obj, **arguments))
    return True
