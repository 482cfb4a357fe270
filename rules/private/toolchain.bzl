"""The toolchain: which tool runs, and by which Python."""

_TYPE = Label("//rules:toolchain_type")

# Bazel 4 takes no Label here.
TOOLCHAINS = [str(_TYPE)]

# From Bazel 6 on an action may say which toolchain it takes its platform from; before there was but one platform.
_OF_TOOLCHAIN = {"toolchain": _TYPE} if hasattr(native, "module_name") else {}

# As Bazel's own, and the same on all machines.
_PATH = "/bin:/usr/bin:/usr/local/bin"

def _one_file_tool(ctx, python, env):
    """The checkout's tool as one file, with the bytecode that it would else compile at every start."""
    made = ctx.actions.declare_file(ctx.label.name + "/ocidiet.pyz")
    top = [file for file in ctx.files._sources if file.path.endswith("ocidiet/zipapp.py")][0].path
    args = ctx.actions.args()
    args.add_all(["-S", "-m", "ocidiet.zipapp", "--bytecode", "-o"])
    args.add(made)
    ctx.actions.run(
        executable = python.executable,
        arguments = [python.words, args],
        inputs = ctx.files._sources,
        tools = python.tools,
        outputs = [made],
        env = dict(env, PYTHONDONTWRITEBYTECODE = "1", PYTHONPATH = top[:-len("ocidiet/zipapp.py")] or "."),
        mnemonic = "OcidietTool",
        progress_message = "Making ocidiet",
    )
    return made

def _impl(ctx):
    words = []
    env = {}
    tools = ctx.files.data
    if ctx.attr.tool and not ctx.attr.interpreter:
        tool = ctx.executable.tool
        info = platform_common.ToolchainInfo(
            executable = ctx.attr.tool[DefaultInfo].files_to_run,
            words = [],
            env = {},
            tools = depset(tools),
            interpreter = None,
            tool = tool,
            runfiles = ctx.runfiles(tools).merge(ctx.attr.tool[DefaultInfo].default_runfiles),
        )
        return [info]

    head = ctx.actions.args()
    if ctx.attr.interpreter:
        python = struct(executable = ctx.attr.interpreter[DefaultInfo].files_to_run, words = head, tools = tools)
    else:
        env = {"PATH": _PATH}
        words = ["python3"]
        head.add("python3")
        python = struct(executable = "/usr/bin/env", words = head, tools = tools)
    tool = ctx.executable.tool or _one_file_tool(ctx, python, env)
    runfiles = ctx.runfiles([tool] + tools)
    if ctx.attr.interpreter:
        runfiles = runfiles.merge(ctx.runfiles([ctx.executable.interpreter]))
        runfiles = runfiles.merge(ctx.attr.interpreter[DefaultInfo].default_runfiles)
    return [platform_common.ToolchainInfo(
        executable = python.executable,
        words = words + ["-IS", tool],
        env = env,
        tools = depset([tool] + tools),
        interpreter = ctx.executable.interpreter,
        tool = tool,
        runfiles = runfiles,
    )]

ocidiet_toolchain = rule(
    attrs = {
        "data": attr.label_list(
            doc = "Files that the interpreter needs and that are not among its runfiles: its standard library.",
            allow_files = True,
            cfg = "exec",
        ),
        "interpreter": attr.label(
            doc = "A Python, 3.10 or later, that runs the tool. Default: the python3 of the machine that runs the action.",
            allow_files = True,
            cfg = "exec",
            executable = True,
        ),
        "tool": attr.label(
            doc = "The tool: a program, or with `interpreter` the one file that `python3 -m ocidiet.zipapp` makes. " +
                  "Default: this is made of ocidiet's own sources.",
            allow_single_file = True,
            cfg = "exec",
            executable = True,
        ),
        "_sources": attr.label(default = "//:sources", cfg = "exec"),
    },
    doc = """\
The tool and the Python that runs it, for `toolchain(toolchain_type = "@ocidiet//rules:toolchain_type")`.

    ocidiet_toolchain(
        name = "hermetic",
        interpreter = "@python_3_12//:python3",
        data = ["@python_3_12//:files"],
    )
""",
    implementation = _impl,
)

def tool_of(ctx):
    """The toolchain of a rule.

    Args:
      ctx: of a rule that has `TOOLCHAINS`

    Returns:
      the ToolchainInfo of an `ocidiet_toolchain`
    """
    return ctx.toolchains[_TYPE]

def run_tool(ctx, arguments, execution_requirements, **kwargs):
    """Run the tool as an action.

    Args:
      ctx: of a rule that has `TOOLCHAINS`
      arguments: Args, of which there may be a file
      execution_requirements: of the action
      **kwargs: for `ctx.actions.run`
    """
    tool = tool_of(ctx)
    head = ctx.actions.args()
    head.add_all(tool.words)
    ctx.actions.run(
        executable = tool.executable,
        arguments = [head, arguments],
        tools = tool.tools,
        env = tool.env,
        execution_requirements = dict(execution_requirements, **{"supports-path-mapping": "1"}),
        **dict(kwargs, **_OF_TOOLCHAIN)
    )
