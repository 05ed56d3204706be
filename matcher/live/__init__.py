"""Live streams put together: which source goes through which catalogue to where."""
