"""Several devices and hosts train what one device would.

hosts     which hosts there are, and which rows of each batch are whose
replicas  what replicas exchange within a step
"""
