#!/usr/bin/env -S node --conditions=@graft/source
export {};
