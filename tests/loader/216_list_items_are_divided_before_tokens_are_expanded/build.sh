# A list is divided at its colons first: one inside of what $ORIGIN stands for survives.
lib 'a:b/l/libb.so'
lib 'a:b/liba.so' 'a:b/l/libb.so' '-Wl,-rpath,$ORIGIN/l'
lib 'b/l/libb.so'
program './a:b/liba.so' 
renamed program liba.so a:b/a.so
mv a:b/liba.so a:b/a.so
