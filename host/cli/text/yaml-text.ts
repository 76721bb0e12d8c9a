import { Document, isScalar, visit } from 'yaml';
import { isDangerous, yamlEscaped } from '../../stack/foreign-text.ts';

/**
 * YAML for a person to read, with dangerous characters as YAML's own escapes, so that reading it returns the
 * value unchanged.
 */
export function yamlText(value: unknown): string {
  const document = new Document(value);
  visit(document, {
    Scalar(_, node) {
      // Only double quotes have escapes.
      if (isScalar(node) && typeof node.value === 'string' && isDangerous(node.value))
        node.type = 'QUOTE_DOUBLE';
    },
  });
  return yamlEscaped(
    document.toString({ lineWidth: 0, doubleQuotedMinMultiLineLength: Number.MAX_SAFE_INTEGER }),
  );
}
