# The interpreter's name may end with byte 255 of the file.
root
program
d=$(printf '%0246d' 0)
mkdir -p "$d"
mv program "$d/real"
script program "#!/$d/real"
