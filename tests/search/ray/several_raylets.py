"""A Ray cluster of several nodes on this machine, as a program: the tests' own process never loads Ray.

Prints the cluster's address and the process of each node's raylet, by the node's address, as a line of JSON; ends when
its stdin does.
"""

import json
import sys
from typing import Any

from ray.cluster_utils import Cluster

_STORE_BYTES = 80 * 2**20


def main(temporary: str, nodes: int) -> None:
    """Start nodes of one CPU each; the head has none, so that it is never asked to work."""
    options: dict[str, Any] = {"object_store_memory": _STORE_BYTES}
    head = {"num_cpus": 0, "temp_dir": temporary, "node_ip_address": "127.0.0.2"}
    head |= {"include_dashboard": False, "no_monitor": True}  # nobody looks at it, and nothing is to be scaled
    cluster = Cluster(initialize_head=True, head_node_args=options | head)
    addresses = [f"127.0.0.{number + 3}" for number in range(nodes)]
    added = {each: cluster.add_node(num_cpus=1, node_ip_address=each, **options) for each in addresses}
    raylets = {each: node.all_processes["raylet"][0].process.pid for each, node in added.items()}
    print(json.dumps({"address": cluster.address, "raylets": raylets}), flush=True)
    sys.stdin.read()
    cluster.shutdown()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
