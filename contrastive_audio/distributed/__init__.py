"""Several devices and hosts train as one would.

hosts     who they are, and which part of each batch is whose
replicas  what replicas exchange within a step
"""
