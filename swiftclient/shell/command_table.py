"""The sub-commands and their options. Source: sheet 08, section 5.2."""
from swiftclient.shell.declared import Command, Option, flag, several, threads, value

HEADER = several('-H --header', 'header', '<name:value>',
                 'Request header to send; may be given several times.')
META = several('-m --meta', 'meta', '<name:value>',
               'Metadata to set; may be given several times.')
HUMAN = flag('--lh', 'human', 'Sizes as people read them, like ls -lh.')
PREFIX = value('-p --prefix', 'prefix', '<prefix>', 'Only names that begin with this.')
CONTAINER_THREADS = threads('--container-threads', 'container_threads', 'list containers')
VERSION_ID = value('--version-id', 'version_id', '<id>',
                   'This version of an object in a versioned container.')
LEAVE_SEGMENTS = flag('--leave-segments', 'leave_segments',
                      'Keep the segments of large objects that are deleted or replaced.')
SKIP_IDENTICAL = flag('--skip-identical', 'skip_identical',
                      'Leave out files that are the same on both sides, by MD5. An interrupted '
                      'transfer goes on where it ended.')
IGNORE_CHECKSUM = Option(('--ignore-checksum',), 'checksum', 'unset',
                         'Do not compare MD5 sums.', default=True)

STAT = Command(
    'stat', 'What the account, a container or an object is.',
    'Shows what the account, a container or an object is, with its metadata.',
    '[<container> [<object>]]',
    (('[<container>]', 'Container to show; the account if none is given.'),
     ('[<object>]', 'Object to show.')),
    (HUMAN, HEADER, VERSION_ID))
LIST = Command(
    'list', 'The containers of the account or the objects of a container.',
    'Lists the containers of the account or the objects of a container, one name per line.',
    '[<container>]',
    (('[<container>]', 'Container to list; the account if none is given.'),),
    (flag('-l --long', 'long', 'Sizes, times and types too, like ls -l.'), HUMAN,
     flag('-t --totals', 'totals', 'Only the totals of a long listing.'), PREFIX,
     value('-d --delimiter', 'delimiter', '<delimiter>',
           'Roll up names that go on after this (containers only).'),
     flag('-j --json', 'json', 'The entries as JSON.'),
     flag('--versions', 'versions', 'All versions of the objects (containers only).'), HEADER))
UPLOAD = Command(
    'upload', 'Files and directories into a container.',
    'Uploads files and directories, with all they hold, into a container; it is made if it does '
    'not exist.',
    '<container> <file_or_directory> [<file_or_directory>] [...]',
    (('<container>', 'Container to upload to, <container>/<folder> for a folder in it.'),
     ('<file_or_directory>', 'What to upload; - for standard input, which needs '
                             '--object-name.')),
    (flag('-c --changed', 'changed',
          'Leave out files whose size and time of modification are unchanged.'),
     SKIP_IDENTICAL,
     flag('--skip-container-put', 'skip_container_put', 'Do not make the container.'),
     value('-S --segment-size', 'segment_size', '<size>',
           'Upload larger files in segments of this size: bytes, or with a suffix B, K, M, G.'),
     value('-C --segment-container', 'segment_container', '<container>',
           'Container for segments (default: <container>_segments).'),
     LEAVE_SEGMENTS,
     threads('--object-threads', 'object_uu_threads', 'upload objects'),
     threads('--segment-threads', 'segment_threads', 'upload segments'), META, HEADER,
     Option(('--use-slo',), 'use_slo', 'pick',
            'Join segments with a static manifest (default if the cluster can).', value=True),
     Option(('--use-dlo',), 'use_slo', 'pick', 'Join segments with a dynamic manifest.',
            value=False),
     value('--object-name', 'object_name', '<name>',
           'Name of the object, or of the folder, instead of the path.'), IGNORE_CHECKSUM))
DOWNLOAD = Command(
    'download', 'Objects to files.',
    'Downloads objects, a container or everything. A file appears when it is complete, and never '
    'outside the output directory.',
    '[<container> [<object>] [...]]',
    (('[<container>]', 'Container to download from; --all for all of them.'),
     ('[<object>]', 'Objects to download; all of the container if none is given.')),
    (flag('-a --all', 'yes_all', 'Download everything in the account.'),
     value('-m --marker', 'marker', '<marker>', 'Begin after this name.', ''), PREFIX,
     flag('-r --remove-prefix', 'remove_prefix', 'Take --prefix off the paths.'),
     value('-o --output', 'out_file', '<file>',
           'File for a single object; - for standard output.'),
     value('-D --output-dir', 'out_directory', '<directory>', 'Directory to write into.'),
     threads('--object-threads', 'object_dd_threads', 'download objects'), CONTAINER_THREADS,
     flag('--no-download', 'no_download', 'Read objects and write nothing.'), HEADER,
     SKIP_IDENTICAL, VERSION_ID, IGNORE_CHECKSUM,
     Option(('--no-shuffle',), 'shuffle', 'unset',
            'In the order of the listing; random order spreads load.', default=True),
     flag('--ignore-mtime', 'ignore_mtime', 'Do not restore times of modification.')))
DELETE = Command(
    'delete', 'Objects, a container with all in it, or everything.',
    'Deletes objects with their segments, a container with all in it, or everything.',
    '[<container> [<object>] [...]]',
    (('[<container>]', 'Container to delete (from); --all for all of them.'),
     ('[<object>]', 'Objects to delete; all and the container if none is given.')),
    (flag('-a --all', 'yes_all', 'Delete everything in the account, all versions too.'),
     flag('--versions', 'versions', 'All versions of a container\'s objects.'), PREFIX,
     VERSION_ID, HEADER, LEAVE_SEGMENTS,
     threads('--object-threads', 'object_dd_threads', 'delete objects'), CONTAINER_THREADS))
POST = Command(
    'post', 'Change metadata of the account, a container or an object.',
    'Changes metadata of the account, a container or an object; a container that does not exist '
    'is made.',
    '[<container> [<object>]]',
    (('[<container>]', 'Container to change; the account if none is given.'),
     ('[<object>]', 'Object to change; all of its metadata is replaced.')),
    (value('-r --read-acl', 'read_acl', '<acl>', 'Who may read the container.'),
     value('-w --write-acl', 'write_acl', '<acl>', 'Who may write to the container.'),
     value('-t --sync-to', 'sync_to', '<container>', 'Where the container is synchronised to.'),
     value('-k --sync-key', 'sync_key', '<key>', 'Key for synchronisation.'), META, HEADER))
COPY = Command(
    'copy', 'Copy objects on the server.',
    'Copies objects on the server, onto themselves (with other metadata) if no destination is '
    'given.',
    '<container> <object> [<object>] [...]',
    (('<container>', 'Container of the objects.'), ('<object>', 'Objects to copy.')),
    (value('-d --destination', 'destination', '</container[/object]>',
           'Where to copy to; the container is made if it does not exist.'),
     flag('-M --fresh-metadata', 'fresh_metadata', 'Do not copy the metadata.'), META, HEADER))
CAPABILITIES = Command(
    'capabilities', 'What the cluster can do.',
    'Shows what the cluster tells of itself at /info.', '[<proxy_url>]',
    (('[<proxy_url>]', 'URL of a cluster to ask without credentials.'),),
    (flag('--json', 'json', 'As JSON.'),), aliases=('info',))
TEMPURL = Command(
    'tempurl', 'Make a temporary URL.',
    'Makes a URL that lets whoever has it use an object for a while.',
    '<method> <time> <path> <key>',
    (('<method>', 'HTTP method to allow, usually GET or PUT.'),
     ('<time>', 'Seconds from now, a number with a suffix s, m, h or d, or a time such as '
                '2030-01-31T23:59:59Z, 2030-01-31T23:59:59 or 2030-01-31.'),
     ('<path>', 'Path or URL of the object: /v1/<account>/<container>/<object>.'),
     ('<key>', 'Temporary URL key set on the account or container.')),
    (flag('--absolute', 'absolute_expiry', 'The time is a Unix time.'),
     flag('--prefix-based', 'prefix_based', 'For all objects whose names begin with the path.'),
     flag('--iso8601', 'iso8601', 'Show the time of expiry readably in the URL.'),
     value('--ip-range', 'ip_range', '<range>', 'Only for this address or network.'),
     value('--digest', 'digest', '<algorithm>', 'sha1, sha256 or sha512 (default: sha256).',
           'sha256')),
    needs_login=False)
AUTH = Command(
    'auth', 'Shell lines that pass the login on.',
    'Prints shell lines that let later commands do without a login; with -v, lines that let them '
    'log in again.', '')
BASH_COMPLETION = Command(
    'bash_completion', 'Words for the completion of a shell.',
    'Prints the words that a shell may complete.', '[<command>]',
    (('[<command>]', 'Only the options of this sub-command.'),), needs_login=False)

COMMANDS = {command.name: command for command in (
    DELETE, DOWNLOAD, LIST, POST, COPY, STAT, UPLOAD, CAPABILITIES, TEMPURL, AUTH,
    BASH_COMPLETION)}
COMMANDS.update({alias: command for command in tuple(COMMANDS.values())
                 for alias in command.aliases})
