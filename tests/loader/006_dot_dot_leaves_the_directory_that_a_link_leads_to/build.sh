# `..` behind a link is the directory above the link's target.
lib real/l/liba.so
lib l/liba.so
program real/l/liba.so "-Wl,-rpath,$PWD/link/../l"
mkdir real/deep
ln -s real/deep link
