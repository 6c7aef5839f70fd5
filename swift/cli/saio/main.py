"""`saio`: an all-in-one cluster in one folder, started by one command (layer 4).

usage: saio up|down|reset|status|env [options]

  up      make the cluster if it is not there, start it, print how to use it
  down    stop it; data stays
  reset   stop it, delete its data, and start afresh
  status  which services answer; exit status 1 if any does not
  env     shell lines that point clients, tools and tests at it: eval "$(bin/saio env)"
"""
import argparse
import os
import sys
from dataclasses import replace

from swift.cli.saio import checks, cluster, rsyncd
from swift.cli.saio.bootstrap import Trouble, step
from swift.cli.saio.layout import Layout

GREETING = '''
The cluster is up.

  endpoint   {layout.endpoint}
  auth URL   {layout.auth_url}
  user       test:tester        key  testing
  policies   {policies}
  data       {layout.root}/srv
  logs       {layout.log}

A first upload and download, to paste:

  eval $(curl -si -H 'X-Auth-User: test:tester' -H 'X-Auth-Key: testing' {layout.auth_url} |
         tr -d '\\r' | sed -n 's/^X-Storage-Url: /URL=/p; s/^X-Auth-Token: /TOKEN=/p')
  curl -X PUT -H "X-Auth-Token: $TOKEN" $URL/photos
  echo 'hello, world' | curl -T - -H "X-Auth-Token: $TOKEN" $URL/photos/hello.txt
  curl -H "X-Auth-Token: $TOKEN" $URL/photos/hello.txt
'''


def parse(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog='saio', description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('command', choices=('up', 'down', 'reset', 'status', 'env'))
    parser.add_argument('--root', default=os.path.expanduser('~/.swift-saio'),
                        help='folder of the cluster (default: %(default)s)')
    parser.add_argument('--port', type=int, help='port of the proxy on 127.0.0.1 (default: 8080)')
    parser.add_argument('--base-port', type=int, metavar='PORT',
                        help='node N listens on PORT + 10 N + 0, 1, 2 (default: 6000)')
    parser.add_argument('--nodes', type=int, help='number of storage nodes (default: 4)')
    parser.add_argument('--workers', type=int, help='proxy processes (default: one per processor)')
    parser.add_argument('--xfs', action='store_true',
                        help='devices on XFS in a loop file (root only)')
    parser.add_argument('--config-only', action='store_true',
                        help='write folders, configuration and rings, and start nothing')
    return parser.parse_args(argv)


def wanted_layout(args: argparse.Namespace) -> Layout:
    """The cluster as it is, or a new one; choices of an existing one can't be changed."""
    root = os.path.abspath(args.root)
    asked = {name: value for name, value in (
        ('port', args.port), ('base_port', args.base_port), ('nodes', args.nodes),
        ('workers', args.workers), ('xfs', args.xfs or None)) if value is not None}
    check_choices(asked)
    present = cluster.load(root)
    if present is None or args.command == 'reset':
        return Layout(root=root, **{'workers': os.cpu_count() or 1, **asked})
    changed = [name for name, value in asked.items() if getattr(present, name) != value]
    if changed and args.command == 'up':
        raise Trouble(f'the cluster in {root} was made with another {changed[0]} '
                      f'({getattr(present, changed[0])}); use `saio reset` or another --root.')
    return present


def check_choices(asked: dict) -> None:
    limits = {'port': (1, 65535), 'base_port': (1, 65000), 'nodes': (1, 200), 'workers': (1, 256)}
    for name, (low, high) in limits.items():
        if name in asked and not low <= asked[name] <= high:
            raise Trouble(f'--{name.replace("_", "-")} must be between {low} and {high}, '
                          f'not {asked[name]}.')


def up(layout: Layout, config_only: bool) -> None:
    if not config_only and cluster.is_whole(layout):
        print(greeting(layout), end='')
        return
    existing = cluster.load(layout.root) is not None
    if not config_only:
        checks.check_programs()
        if not existing:
            checks.check_ports(layout)
    with step('checking configuration and rings' if existing
              else 'writing configuration and building rings'):
        layout = cluster.make(layout)
    if config_only:
        print(f'The configuration is in {layout.etc}.')
        return
    if existing:
        stopped = cluster.stopped_services(layout)
        if cluster.silent_services(layout) == [name for name, _, _ in layout.addresses()]:
            checks.check_ports(layout)
        else:
            cluster.say('saio: not everything runs; starting '
                        + (', '.join(stopped) or 'memcached or rsync'))
    with step(f'starting {len(layout.addresses())} servers and the daemons'):
        cluster.start(layout)
    print(greeting(layout), end='')


def greeting(layout: Layout) -> str:
    policies = ', '.join(f'{policy.name} ({layout.replicas(policy.replicas)} replicas'
                         f'{"" if policy.index else ", default"})' for policy in layout.policies)
    return GREETING.format(layout=layout, policies=policies)


def down(layout: Layout) -> None:
    if cluster.load(layout.root) is None:
        raise Trouble(f'there is no cluster in {layout.root}.')
    with step('stopping'):
        cluster.stop(layout)


def reset(layout: Layout, config_only: bool) -> None:
    present = cluster.load(layout.root)
    if present is not None:
        with step('stopping and deleting data'):
            cluster.stop(present)
            cluster.remove_data(present)
    up(layout, config_only)


def status(layout: Layout) -> int:
    if cluster.load(layout.root) is None:
        print(f'There is no cluster in {layout.root}; `saio up` makes one.')
        return 1
    silent = []
    for service, ip, port in layout.addresses():
        state = cluster.state_of(layout, service, ip, port)
        print(f'{service:<20} {ip}:{port:<6} {state}')
        silent += [] if state == 'ok' else [service]
    for name, port, pid in (('memcached', layout.memcache_port, cluster.memcached_pid(layout)),
                            ('rsync', layout.rsync_port, rsyncd.pid(layout))):
        print(f'{name:<20} 127.0.0.1:{port:<6} {"ok" if pid else "not running"}')
        silent += [] if pid else [name]
    for daemon in cluster.DAEMONS:
        stopped = [str(node or 1) for node in cluster.nodes_with(layout, daemon)
                   if not cluster.is_running(layout, daemon, node)]
        state = f'not running on node {", ".join(stopped)}' if stopped else 'ok'
        print(f'{daemon:<20} {"":<16} {state}')
        silent += stopped
    return 1 if silent else 0


def env(layout: Layout) -> None:
    if cluster.load(layout.root) is None:
        raise Trouble(f'there is no cluster in {layout.root}; `saio up` makes one.')
    for name, value in cluster.environment(layout).items():
        print(f"export {name}='{value}'")


def run(args: argparse.Namespace) -> int:
    layout = wanted_layout(args)
    if args.command == 'up':
        up(layout, args.config_only)
    elif args.command == 'down':
        down(layout)
    elif args.command == 'reset':
        reset(replace(layout, memcache_port=0, rsync_port=0), args.config_only)
    elif args.command == 'env':
        env(layout)
    else:
        return status(layout)
    return 0


def main(argv: list[str]) -> int:
    try:
        return run(parse(argv))
    except Trouble as trouble:
        print(f'saio: {trouble}', file=sys.stderr)
    except PermissionError as err:
        print(f'saio: no permission for {err.filename}; choose another --root.', file=sys.stderr)
    except OSError as err:
        print(f'saio: {err.filename}: {err.strerror}; choose another --root.', file=sys.stderr)
    except KeyboardInterrupt:
        print('saio: interrupted', file=sys.stderr)
        return 130
    return 1


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
