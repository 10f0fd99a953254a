/**
 * The grammars of everything quern reads as text, in ohm's notation: graphs (`Qir`), pipelines of passes (`Pipeline`) and
 * the executed lines of text tests (`Call`). Meaning is given to them in syntax.ts and pipeline.ts; docs/ir.md explains
 * the language to people.
 *
 * A rule in lower case is lexical: no blanks inside. A description in parentheses is what an error message calls the rule.
 * Words and numbers end where no further letter or digit follows, so that `range2` is not `range` and 2.
 */
export const grammarSource = String.raw`
Lexical {
  space += comment
  comment = "//" (~"\n" any)*

  wordPart = "a".."z" | "A".."Z" | "0".."9" | "_"
  word (a word) = ~digit wordPart+
  hyphenated (a name) = word ("-" wordPart+)*

  number (a number)
    = "nan" ~wordPart               -- nan
    | "-"? "inf" ~wordPart          -- inf
    | "-"? decimal exponent? ~wordPart -- decimal
  decimal
    = "0".."9"+ ("." "0".."9"*)? -- whole
    | "." "0".."9"+              -- fraction
  exponent = ("e" | "E") ("+" | "-")? "0".."9"+
  integer (an integer) = "-"? "0".."9"+ ~wordPart
  boolean (true or false) = ("true" | "false") ~wordPart

  string (a quoted string) = "\"" stringPart* "\""
  stringPart = escape | ~("\"" | "\\" | "\u{0}".."\u{1f}") any
  escape
    = "\\u" hexDigit hexDigit hexDigit hexDigit                        -- unit
    | "\\" ("\"" | "\\" | "/" | "b" | "f" | "n" | "r" | "t") -- short

  NumberList = "[" ListOf<number, ","> "]"
}

Qir <: Lexical {
  File = (Alias | Graph)*

  Alias = alias "=" Quantization
  Graph = graph graphName "(" ListOf<Input, ","> ")" "{" Operation* Return "}"
  Input = valueName ":" Type Range? StoredAs?
  Operation = valueName "=" operatorName ListOf<valueName, ","> Attributes? ":" Type Range? StoredAs? Location?
  Return = return ListOf<Output, ",">
  Output = valueName ("->" valueName)?

  Attributes = "{" ListOf<Attribute, ","> "}"
  Attribute = attributeName "=" AttributeValue
  AttributeValue = number | boolean | string | NumberList | Dense | External
  Dense = dense "<" Elements ">" (":" Type)?
  External = external "<" string ">"
  Elements
    = splat element -- splat
    | Nested
  Nested
    = "[" ListOf<Nested, ","> "]" -- list
    | element
  element (an element) = number | boolean

  Range = range "[" number "," number "]"
  StoredAs = as wideElement
  Location = loc string

  Type = tensor "<" shapedElement ("," QuantizationOrAlias)? ">"
  shapedElement (a shape and an element type like 1x3xf32) = (digit+ "x")* word
  QuantizationOrAlias = alias | Quantization
  Quantization
    = "{" ListOf<number, ","> "}" ":" Zeros "@" integer -- slices
    | number ":" integer                                -- whole
  Zeros
    = "{" ListOf<integer, ","> "}" -- list
    | integer                      -- one

  graphName (a graph name like @main) = "@" (string | namePart+)
  valueName (a value like %x) = "%" namePart+
  alias (a quantization alias like #q0) = "#" namePart+
  operatorName (an operator) = word
  attributeName (an attribute) = word
  namePart = wordPart | "."

  graph ('graph') = "graph" ~wordPart
  return ('return') = "return" ~wordPart
  dense ('dense') = "dense" ~wordPart
  splat ('splat') = "splat" ~wordPart
  external ('external') = "external" ~wordPart
  range ('range') = "range" ~wordPart
  as ('as') = "as" ~wordPart
  wideElement ('i16') = "i16" ~wordPart
  loc ('loc') = "loc" ~wordPart
  tensor (a type) = "tensor" ~wordPart
}

Call <: Qir {
  Run = graphName "(" ListOf<Elements, ","> ")" "==" ListOf<Elements, ",">
}

Pipeline <: Lexical {
  Steps = ListOf<Step, ",">
  Step = passName Options?
  Options = "{" ListOf<Option, ","> "}"
  Option = optionName "=" OptionValue
  OptionValue = number | boolean | string | NumberList | hyphenated
  passName (a pass) = hyphenated
  optionName (an option) = hyphenated
}
`;
