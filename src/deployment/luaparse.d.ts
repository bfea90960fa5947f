/** What is used of luaparse, which comes without types. */
declare module 'luaparse' {
  interface Located {
    readonly range: readonly [number, number];
  }
  export type Expression = Located &
    (
      | { readonly type: 'StringLiteral'; readonly value: string | null }
      | { readonly type: 'NumericLiteral'; readonly value: number }
      | { readonly type: 'BooleanLiteral'; readonly value: boolean }
      | { readonly type: 'Identifier'; readonly name: string }
      | { readonly type: 'TableConstructorExpression'; readonly fields: readonly TableField[] }
      | { readonly type: 'BinaryExpression'; readonly operator: string; readonly left: Expression; readonly right: Expression }
      | { readonly type: 'MemberExpression'; readonly base: Expression; readonly identifier: { readonly name: string } }
      | { readonly type: 'IndexExpression'; readonly base: Expression; readonly index: Expression }
      | {
          readonly type:
            | 'UnaryExpression'
            | 'CallExpression'
            | 'StringCallExpression'
            | 'FunctionDeclaration'
            | 'NilLiteral'
            | 'VarargLiteral';
        }
    );
  export type TableField = Located &
    (
      | { readonly type: 'TableKey'; readonly key: Expression; readonly value: Expression }
      | { readonly type: 'TableKeyString'; readonly key: { readonly name: string }; readonly value: Expression }
      | { readonly type: 'TableValue'; readonly value: Expression }
    );
  export type Statement = Located &
    (
      | {
          readonly type: 'AssignmentStatement' | 'LocalStatement';
          readonly variables: readonly Expression[];
          readonly init: readonly Expression[];
        }
      | { readonly type: 'CallStatement' | 'IfStatement' | 'FunctionDeclaration' | 'DoStatement' | 'ReturnStatement' }
    );
  export function parse(
    text: string,
    options: { readonly ranges: boolean; readonly comments: boolean; readonly luaVersion: string; readonly encodingMode: string },
  ): { readonly body: readonly Statement[] };
}
