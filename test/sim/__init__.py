"""A simulated cluster: the real rules on simulated nodes, in a seeded storm of faults.

What is real is everything in swift/core: which files and rows win, quorums, what replication
compares, sends and drops, what updaters and the expirer conclude from answers. Simulated are
disks, network, clocks and the drivers between them, kept close to the code they stand for.

    python -m test.sim --seed 7 -v             one run, with its trace; the same every time
    python -m test.sim --seeds 1..10000        many
    python -m test.sim --mutations 1..200      break the rules one by one: is it noticed?

    scheduler.py    tasks, time and the order of events            world.py  nodes and disks
    network.py      messages: lost, late, twice, in any order      storm.py  the faults
    objects.py      object server                                  databases.py  rows, sync points
    db_server.py    container and account server                   clients.py  proxy and clients
    object_sync.py  object-replicator                              db_sync.py  database replicators
    updaters.py     object- and container-updater                  expirer.py  object-expirer
    ledger.py       what was promised                              invariants.py  whether it holds
    run.py          one run: storm, calm, checks                   mutations.py  broken rules
"""
