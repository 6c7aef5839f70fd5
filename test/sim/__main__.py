"""Command line: see the package."""
import argparse
import sys
import time

from test.sim.invariants import KNOWN_LIMITS
from test.sim.mutations import MUTATIONS, first_failure
from test.sim.run import STEPS, run


def main() -> int:
    args = _arguments()
    forgiven = frozenset() if args.strict else KNOWN_LIMITS
    if args.seed is not None:
        result = run(args.seed, args.steps, print if args.verbose else None, forgiven)
        print('seed %d: %s; %d events, %d writes, %d acknowledged' % (
            result.seed, result.problem or 'good', result.event_count, result.write_count,
            result.done_count))
        return 1 if result.problem else 0
    if args.mutations:
        return 1 if _break_rules(range(*args.mutations), args.steps) else 0
    first, last = args.seeds
    return 1 if _run_many(range(first, last + 1), args.steps, forgiven) else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog='python -m test.sim', description=__doc__)
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument('--seed', type=int, help='repeat one run')
    which.add_argument('--seeds', type=_range, metavar='A..B', help='do many runs')
    which.add_argument('--mutations', type=_range, metavar='A..B',
                       help='break each rule, and look for a run that notices')
    parser.add_argument('--steps', type=int, default=STEPS, help='events of the storm')
    parser.add_argument('--strict', action='store_true', help='count known limits as failures')
    parser.add_argument('-v', '--verbose', action='store_true', help='print the trace (--seed)')
    return parser.parse_args()


def _range(text: str) -> tuple[int, int]:
    first, _, last = text.partition('..')
    return int(first), int(last)


def _run_many(seeds: range, steps: int, forgiven: frozenset[str]) -> int:
    """Do runs, print those that fail; return how many."""
    failed = 0
    for count, seed in enumerate(seeds, 1):
        result = run(seed, steps, None, forgiven)
        if result.problem:
            failed += 1
            print('\rseed %d: %s' % (seed, result.problem), flush=True)
        if sys.stderr.isatty() and count % 10 == 0:
            print('\r%d of %d, %d failed' % (count, len(seeds), failed), end='', file=sys.stderr)
    print('%d runs, %d failed, %.0f s of processor time' % (
        len(seeds), failed, time.process_time()))
    return failed


def _break_rules(seeds: range, steps: int) -> int:
    """Print for each mutation the first seed that fails; return how many none noticed."""
    unnoticed = 0
    for mutation in MUTATIONS:
        result = first_failure(mutation, seeds, steps)
        unnoticed += result is None
        print('%s: %s' % (mutation.title, 'NOT NOTICED' if result is None else
                          'seed %d, %s' % (result.seed, result.problem)), flush=True)
    return unnoticed


if __name__ == '__main__':
    sys.exit(main())
