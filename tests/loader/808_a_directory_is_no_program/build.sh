# A directory is no program.
mkdir program
