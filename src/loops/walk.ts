/** Walking and rewriting loop statements and expressions. */
import type { Address, LoopExpression, Statement } from "./loop.ts";

export function operandsOf(e: LoopExpression): readonly LoopExpression[] {
  switch (e.kind) {
    case "register":
    case "constant":
      return [];
    case "load":
      return e.address.dynamic === undefined ? [] : [e.address.dynamic];
    case "unary":
    case "convert":
    case "splat":
    case "widen":
    case "extract":
      return [e.operand];
    case "binary":
    case "compare":
    case "mulhi":
    case "narrow":
    case "zip":
      return [e.left, e.right];
    case "select":
      return [e.condition, e.whenTrue, e.whenFalse];
    case "dot":
      return [e.acc, e.left, e.right];
    case "build":
      return e.parts;
  }
}

/** Replaces the addresses of an expression, computed parts included, innermost first. */
export function mapAddresses(e: LoopExpression, change: (address: Address) => Address): LoopExpression {
  const visit = (part: LoopExpression): LoopExpression => mapAddresses(part, change);
  switch (e.kind) {
    case "register":
    case "constant":
      return e;
    case "load":
      return { ...e, address: mapAddress(e.address, change) };
    case "unary":
    case "convert":
    case "splat":
    case "widen":
    case "extract":
      return { ...e, operand: visit(e.operand) };
    case "binary":
    case "compare":
    case "mulhi":
    case "narrow":
    case "zip":
      return { ...e, left: visit(e.left), right: visit(e.right) };
    case "select":
      return {
        ...e,
        condition: visit(e.condition),
        whenTrue: visit(e.whenTrue),
        whenFalse: visit(e.whenFalse),
      };
    case "dot":
      return { ...e, acc: visit(e.acc), left: visit(e.left), right: visit(e.right) };
    case "build":
      return { ...e, parts: e.parts.map(visit) };
  }
}

export function mapAddress(address: Address, change: (address: Address) => Address): Address {
  const { dynamic } = address;
  return change(dynamic === undefined ? address : { ...address, dynamic: mapAddresses(dynamic, change) });
}

/** Every address a list of statements reads or writes. */
export function addressesOf(
  statements: readonly Statement[],
): { readonly address: Address; readonly writes: boolean }[] {
  const found: { address: Address; writes: boolean }[] = [];
  const expression = (e: LoopExpression): void => {
    if (e.kind === "load") found.push({ address: e.address, writes: false });
    operandsOf(e).forEach(expression);
  };
  const visit = (statement: Statement): void => {
    switch (statement.kind) {
      case "for":
        expression(statement.from);
        expression(statement.to);
        statement.body.forEach(visit);
        break;
      case "set":
        expression(statement.value);
        break;
      case "store":
        expression(statement.value);
        if (statement.address.dynamic !== undefined) expression(statement.address.dynamic);
        found.push({ address: statement.address, writes: true });
        break;
      case "fence":
      case "comment":
    }
  };
  statements.forEach(visit);
  return found;
}
