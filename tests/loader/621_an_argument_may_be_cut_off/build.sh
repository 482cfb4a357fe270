# What goes beyond the first 256 bytes in an argument is cut off.
root
program
mv program real
script program "#!/real $(printf '%0300d' 0)"
