#include <iostream>

#include "greeting.h"
#include "names.h"

int main(int argc, char **argv)
{
    for (const std::string &name : names(argc, argv))
        std::cout << greeting(name) << '\n';
}
