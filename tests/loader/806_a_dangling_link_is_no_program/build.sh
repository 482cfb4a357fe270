# A link that leads nowhere is no program.
ln -s gone program
