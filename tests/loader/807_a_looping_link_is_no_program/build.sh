# A link that leads to itself is no program.
ln -s program program
