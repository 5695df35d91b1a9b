# SPDX-License-Identifier: LGPL-2.1-or-later
"""docs.py STUB: of a stub file with doc strings a C header: DOC_CLASS_METHOD, a method's text signature and doc string
as Python's ml_doc has them. So what type checkers read and what help() shows are one text."""
import ast
import json
import sys


def signature(function):
    """(self, a, b=0, /) as Python wants it: self is $self, no annotations."""
    args = function.args
    for one in args.posonlyargs + args.args:
        one.annotation = None
    return '(' + ast.unparse(args).replace('self', '$self', 1) + ')'


def documented(body, prefix=''):
    for node in body:
        if isinstance(node, ast.ClassDef):
            yield from documented(node.body, node.name + '_')
        elif isinstance(node, ast.FunctionDef) and not node.name.startswith('__'):
            yield prefix + node.name, f'{node.name}{signature(node)}\n--\n\n{ast.get_docstring(node)}'


if __name__ == '__main__':
    with open(sys.argv[1], encoding='utf-8') as stub:
        for name, text in documented(ast.parse(stub.read()).body):
            print(f'#define DOC_{name} {json.dumps(text)}')
