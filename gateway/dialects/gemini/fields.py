"""What the strings of Gemini bodies are: requests, answers, chunks, single parts, errors.

Source: google-genai types (`GenerateContentResponse`, `Part`, `GenerateContentConfig`).
"""

from __future__ import annotations

from gateway.dialects import fields
from gateway.dialects.dialect import Classify

# Ids, names of functions and models, enums, signatures and bytes. Of a part, wherever it stands:
_PART_KEEP = (
    "thoughtSignature",
    "inlineData.mimeType",
    "inlineData.data",
    "fileData.mimeType",
    "functionCall.name",
    "functionCall.id",
    "functionResponse.name",
    "functionResponse.id",
    "functionResponse.scheduling",
    "functionResponse.parts.*.inlineData.mimeType",
    "functionResponse.parts.*.inlineData.data",
    "functionResponse.parts.*.fileData.mimeType",
    "executableCode.language",
    "executableCode.id",
    "codeExecutionResult.outcome",
    "codeExecutionResult.id",
    "toolCall.id",
    "toolCall.toolType",
    "toolResponse.id",
    "toolResponse.toolType",
    "mediaResolution.**",
    "videoMetadata.**",
)
_PART_SNIFF = (
    "functionCall.args.**",
    "functionResponse.response.**",
    "toolCall.args.**",
    "toolResponse.response.**",
)
_PARTS = ("contents.*.parts.*", "systemInstruction.parts.*", "candidates.*.content.parts.*")
_REQUEST_KEEP = (
    "model",
    "contents.*.role",
    "systemInstruction.role",
    "tools.*.functionDeclarations.*.name",
    "tools.*.functionDeclarations.*.behavior",
    "tools.*.fileSearch.fileSearchStoreNames.**",
    "toolConfig.functionCallingConfig.**",
    "toolConfig.retrievalConfig.languageCode",
    "safetySettings.**",
    "cachedContent",
    "serviceTier",
    "generationConfig.seed",
    "generationConfig.topK",
    "generationConfig.maxOutputTokens",
    "generationConfig.candidateCount",
    "generationConfig.responseMimeType",
    "generationConfig.responseModalities.**",
    "generationConfig.thinkingConfig.**",
    "generationConfig.mediaResolution",
    "generationConfig.speechConfig.**",
    "generationConfig.imageConfig.**",
    "modelArmorConfig.**",
)
_ANSWER_KEEP = (
    "modelVersion",
    "responseId",
    "createTime",
    "modelStatus.modelStage",
    "usageMetadata.**",
    "promptFeedback.blockReason",
    "promptFeedback.safetyRatings.**",
    "candidates.*.index",
    "candidates.*.content.role",
    "candidates.*.finishReason",
    "candidates.*.safetyRatings.**",
    "candidates.*.logprobsResult.**",
    "candidates.*.continuationToken",
    "candidates.*.groundingMetadata.searchEntryPoint.sdkBlob",
    "candidates.*.groundingMetadata.googleMapsWidgetContextToken",
    "candidates.*.groundingMetadata.groundingChunks.*.retrievedContext.fileSearchStore",
    "candidates.*.urlContextMetadata.urlMetadata.*.urlRetrievalStatus",
)
_ERROR_KEEP = (
    "code",
    "status",
    "details.*.@type",
    "details.*.reason",
    "details.*.domain",
    "details.*.retryDelay",
)
_KEEP = (
    *_REQUEST_KEEP,
    *_ANSWER_KEEP,
    *_PART_KEEP,
    *(f"{parts}.{path}" for parts in _PARTS for path in _PART_KEEP),
    *_ERROR_KEEP,
    *(f"error.{path}" for path in _ERROR_KEEP),
)
# What is no JSON text but a tree is scanned value by value; a value may be JSON again.
_SNIFF = (*_PART_SNIFF, *(f"{parts}.{path}" for parts in _PARTS for path in _PART_SNIFF))
_SNIFF_TEXTS = ("contents.*.parts.*.text", "candidates.*.content.parts.*.text")

FIELD_NAMES = (fields.names(_KEEP, _SNIFF) - {"*", "**"}) | set(
    "text thought executableCode code codeExecutionResult output functionDeclarations description parameters "
    "parametersJsonSchema response responseJsonSchema properties required items enum type format nullable "
    "anyOf additionalProperties title default minimum maximum minItems maxItems pattern propertyOrdering "
    "googleSearch googleSearchRetrieval codeExecution urlContext googleMaps retrieval computerUse "
    "allowedFunctionNames mode streamFunctionCallArguments "
    "temperature topP stopSequences presencePenalty frequencyPenalty responseLogprobs logprobs "
    "responseSchema includeThoughts thinkingBudget thinkingLevel labels fileUri displayName partMetadata "
    "audioTimestamp enableEnhancedCivicAnswers result error".split()
)

_plain = fields.classifier(_KEEP, sniff=_SNIFF)
_in_json = fields.classifier(_KEEP, sniff=(*_SNIFF, *_SNIFF_TEXTS))


def classifier(json_output: bool) -> Classify:
    return _in_json if json_output else _plain
