# The kernel does not start a chain of six scripts.
root
program
mv program real
script 6 '#!/real'
for n in 5 4 3 2; do script $n "#!/$((n + 1))"; done
script program '#!/2'
