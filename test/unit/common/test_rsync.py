"""Running rsync, or whatever stands for it."""
from swift.common import rsync
from test.support.logs import RecordingLogger


def test_output_and_status_of_a_run():
    run = rsync.run(['sh', '-c', 'echo one; echo two >&2; exit 3'], 30)
    assert (run.status, run.lines) == (3, ('one', 'two'))
    logger = RecordingLogger()
    rsync.log_run(logger, run, ['sh'], run.lines)
    assert logger.lines() == ['one', 'two', "Bad rsync return code: 3 <- ['sh']"]


def test_a_run_that_takes_too_long_is_killed():
    for command in ('sleep 1000', 'exec >&- 2>&-; exec sleep 1000'):
        run = rsync.run(['sh', '-c', command], 0.05)
        assert run.status is None
    logger = RecordingLogger()
    rsync.log_run(logger, run, ['rsync', 'x'], ())
    assert logger.lines() == ['Killing long-running rsync: rsync x']


def test_a_program_that_is_not_there():
    run = rsync.run(['/nonexistent/rsync'])
    assert run.status == 127 and 'No such file' in run.lines[0]
