"""Schemas of what planners see and get: alarms, pages, messages, work orders."""
