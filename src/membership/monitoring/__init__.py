"""What a process tells those who run it: /metrics, /healthz and /readyz, on a listener of their own.

Nothing here is global: each application and each worker has a registry of its own. What a slice counts, it counts in
plain numbers that are read when somebody asks; no slice knows of Prometheus. No label holds an id of a person, a free
text, or anything else without end.
"""
