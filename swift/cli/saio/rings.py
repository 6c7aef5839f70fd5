"""Build the rings of an all-in-one cluster by the commands an operator would type (layer 4)."""
import contextlib
import io
import os

from swift.cli.ringbuilder import main as ring_builder
from swift.cli.saio.bootstrap import Trouble
from swift.cli.saio.layout import Layout

MIN_PART_HOURS = 1


def build_rings(layout: Layout) -> None:
    """Write account, container and one object ring per policy into etc/, unless they are there."""
    plan = [('account', 'account', 3), ('container', 'container', 3)]
    plan += [(policy.ring_name, 'object', policy.replicas) for policy in layout.policies]
    for name, kind, replicas in plan:
        if not os.path.exists(os.path.join(layout.etc, f'{name}.ring.gz')):
            build_ring(layout, name, kind, layout.replicas(replicas))


def build_ring(layout: Layout, name: str, kind: str, replicas: int) -> None:
    builder = os.path.join(layout.etc, f'{name}.builder')
    if os.path.exists(builder):
        os.unlink(builder)
    run(builder, 'create', str(layout.part_power), str(replicas), str(MIN_PART_HOURS))
    for node in layout.node_numbers:
        device = layout.devices(node)[0]
        place = f'r1z{node}-{layout.ip(node)}:{layout.port_of(kind, node)}/{device}'
        run(builder, 'add', place, '1')
    run(builder, 'rebalance')


def run(builder: str, *command: str) -> None:
    """Run one swift-ring-builder command; its warnings (status 1) are fine, errors are not."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        try:
            status = ring_builder(['swift-ring-builder', builder, *command]) or 0
        except SystemExit as done:
            status = done.code or 0
    if status not in (0, 1):
        raise Trouble(f'swift-ring-builder {builder} {" ".join(command)}: {out.getvalue().strip()}')
