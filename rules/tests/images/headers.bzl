"""A directory that is made, as rules for other build systems make one beside a library."""

def _impl(ctx):
    made = ctx.actions.declare_directory(ctx.label.name)
    ctx.actions.run(executable = "/bin/mkdir", arguments = ["-p", made.path], outputs = [made])
    return [DefaultInfo(files = depset([made]))]

headers = rule(implementation = _impl)
