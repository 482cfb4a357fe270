# An interpreter's name that goes beyond the first 256 bytes starts nothing.
root
program
d=$(printf '%0247d' 0)
mkdir -p "$d"
mv program "$d/reals"
script program "#!/$d/reals"
