/** What a run took from a configuration, as a part of its report. Decides nothing. */
import { findingBlock, type Section, type Table } from '../collector/report/document.ts';
import { joined } from '../collector/words/english.ts';
import { PROGRAM_TITLES, type Program } from '../deployment/group.ts';
import type { DeployedSetting, DeploymentResult } from '../model/deployment.ts';

/** Nothing where no configuration was named. */
export function deploymentSections(deployment: DeploymentResult | undefined): readonly Section[] {
  if (deployment === undefined) return [];
  const { settings, remarks } = deployment;
  const rows = settings.map((setting) => [
    `${setting.option}${setting.value === '' ? '' : ` ${setting.value}`}`,
    whence(setting, deployment),
  ]);
  const table: Table = { kind: 'table', rows, left: [0, 1] };
  return [{ title: titled(deployment), blocks: [table, ...remarks.map((remark) => findingBlock(remark))] }];
}

/** "As /etc/suricata/suricata.yaml deploys it (Suricata 8.0.6, assumed)" */
function titled({ files, program, version, versionFrom, host }: DeploymentResult): string {
  const about = [titleOf(program), ...(version === undefined ? [] : [version])].join(' ');
  const how = versionFrom === undefined || versionFrom === 'file' ? '' : `, ${versionFrom === 'argument' ? 'as you say' : versionFrom}`;
  return `As ${joined(files, 'and')} deploys it${host === undefined ? '' : ` on ${host}`} (${about}${how})`;
}

function whence({ from, file, line, instead }: DeployedSetting, { program }: DeploymentResult): string {
  const place = file === undefined ? undefined : `${file}:${line}`;
  switch (from) {
    case 'file':
      return place ?? 'the file';
    case 'default':
      return `default of ${titleOf(program)}`;
    case 'host':
      return `counted on this host${place === undefined ? '' : `, for ${place}`}`;
    case 'command line':
      return instead === undefined || instead === '' ? 'typed' : `typed, instead of ${instead}${place === undefined ? '' : ` at ${place}`}`;
  }
}

function titleOf(program: string): string {
  return PROGRAM_TITLES[program as Program] ?? program;
}
