# A script whose interpreter is absent is not started.
root
script program '#!/none'
