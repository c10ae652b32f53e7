import type { FastifySerializerCompiler } from "fastify/types/schema";
import { ZodArray, ZodNullable, ZodObject, ZodOptional, type ZodType, z } from "zod";

type Encode = (value: unknown) => unknown;

/**
 * Writes answers by their schemas: the fields that they name and no others, each in the form in
 * which it travels. What is answered was checked when it came in, or made here, so it is not
 * checked once more: that costs more than all else of a list.
 */
export const serializerCompiler: FastifySerializerCompiler<ZodType | { properties: ZodType }> = ({ schema }) => {
  const encode = encoder(schema instanceof z.ZodType ? schema : schema.properties);
  return (answer) => JSON.stringify(encode(answer));
};

function encoder(schema: ZodType): Encode {
  if (AS_THEY_ARE.has(schema.type)) return (value) => value;
  if (schema instanceof ZodNullable || schema instanceof ZodOptional) return orNothing(encoder(schema.unwrap() as ZodType));
  if (schema instanceof ZodArray) return each(encoder(schema.element as ZodType));
  if (schema instanceof z.ZodCodec) return encoded(schema);
  if (schema instanceof ZodObject && !schema.def.catchall) return fields(schema);
  return (value) => z.encode(schema, value as never);
}

const AS_THEY_ARE = new Set<string>(["string", "number", "boolean", "enum", "literal", "null", "date", "unknown"]);

function orNothing(encode: Encode): Encode {
  return (value) => (value == null ? value : encode(value));
}

function each(encode: Encode): Encode {
  return (values) => (values as unknown[]).map(encode);
}

function encoded({ def }: z.ZodCodec): Encode {
  const [inner, outer] = [encoder(def.in as ZodType), encoder(def.out as ZodType)];
  return (value) => inner(def.reverseTransform(outer(value), { value, issues: [] }));
}

function fields({ shape }: ZodObject): Encode {
  const encoders = Object.entries(shape).map(([name, field]) => [name, encoder(field as ZodType)] as const);
  return (value) => {
    const answer: Record<string, unknown> = {};
    for (const [name, encode] of encoders) {
      const field = (value as Record<string, unknown>)[name];
      if (field !== undefined) answer[name] = encode(field);
    }
    return answer;
  };
}
