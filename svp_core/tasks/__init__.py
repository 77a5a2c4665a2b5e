"""One module per kind of job: its request (typed settings) and its task. job_kinds is the registry.

A task is a generator function (request, folder): it yields Progress after each finished step and leaves its files in
the folder. To stop it, stop iterating; what is finished stays. Called again with the same request and folder it
resumes where it stopped, or starts over. It knows no database of jobs and no screen, so that the command line can call
it too. Networks are imported only when a task runs.
"""
