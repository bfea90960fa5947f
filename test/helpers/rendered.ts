/** Reports as text. */

import type { Document } from '../../src/collector/report/document.ts';
import type { Style } from '../../src/collector/report/layout.ts';
import { renderText } from '../../src/collector/report/text.ts';
import { churnBrief, churnDocument } from '../../src/commands/churn/report.ts';
import { ownLoadDocument } from '../../src/commands/compare/own-load-report.ts';
import { comparisonBrief, comparisonDocument } from '../../src/commands/compare/report.ts';
import { matrixBrief, matrixDocument } from '../../src/commands/matrix/report.ts';
import { predictionBrief, predictionDocument } from '../../src/commands/predict/report.ts';
import { raceBrief, raceDocument } from '../../src/commands/race/report.ts';
import { runBrief, runDocument } from '../../src/commands/run/report.ts';
import { scaleBrief, scaleDocument } from '../../src/commands/scale/report.ts';

const asText =
  <T>(report: (result: T) => Document) =>
  (result: T, style: Style): string =>
    renderText(report(result), style);

export const renderTerminal = asText(runDocument);
export const renderBrief = asText(runBrief);
export const renderComparison = asText(comparisonDocument);
export const renderComparisonBrief = asText(comparisonBrief);
export const renderMatrix = asText(matrixDocument);
export const renderMatrixBrief = asText(matrixBrief);
export const renderScale = asText(scaleDocument);
export const renderScaleBrief = asText(scaleBrief);
export const renderChurn = asText(churnDocument);
export const renderChurnBrief = asText(churnBrief);
export const renderRace = asText(raceDocument);
export const renderRaceBrief = asText(raceBrief);
export const renderPrediction = asText(predictionDocument);
export const renderPredictionBrief = asText(predictionBrief);
export const renderOwnLoad = asText(ownLoadDocument);
