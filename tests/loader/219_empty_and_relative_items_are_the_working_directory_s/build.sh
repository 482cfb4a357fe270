# An empty or relative item of a path list counts from the working directory.
lib liba.so
lib rel/libb.so
program liba.so rel/libb.so '-Wl,-rpath,:rel/'
mkdir -p other
mv program other/
ln -s other/program program
