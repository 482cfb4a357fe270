#!/bin/sh
echo Hello sh
