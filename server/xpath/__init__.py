"""XPath 1.0 over configuration and state: parsed, evaluated in bounded time, and turned into selections."""
