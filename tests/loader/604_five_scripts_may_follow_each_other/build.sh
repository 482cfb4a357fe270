# Up to five scripts may name each other in a chain.
root
program
mv program real
script 5 '#!/real'
for n in 4 3 2; do script $n "#!/$((n + 1))"; done
script program '#!/2'
