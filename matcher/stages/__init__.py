"""Stages: each takes `Garments` and returns a new one."""
